"""Token buckets shared by all workers: leases taken before use, and what stands in while the store is down."""
