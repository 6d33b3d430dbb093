"""The town's DNS: zones, authoritative servers, a Route 53, and resolvers with their habits."""
