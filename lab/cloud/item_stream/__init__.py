"""The item stream as Exchange would read it: from Microsoft's specifications, without a line of the product's."""
