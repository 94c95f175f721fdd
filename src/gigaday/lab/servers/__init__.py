"""Real servers as processes on loopback, each made into what it is in production: a set, a cluster, a store."""
