"""A block can be copied and pickled with clients open."""

import copy
import pickle

from pydantic import SecretStr

from blocks.microsoft365.microsoft365 import Microsoft365


def test_a_block_in_use_is_copied_without_its_clients() -> None:
    block = Microsoft365(tenant_id="t", client_id="c", client_secret=SecretStr("s3cret"))
    block._parts()
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert twin == block
        assert twin._connections._thing is None
        assert twin._parts().graph is not block._parts().graph
    assert "s3cret" not in repr(block)
