"""The cutover itself: pure logic, models and protocols; it does not know Prefect."""
