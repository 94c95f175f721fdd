"""The coherent cache: a level in each process, one shared by all nodes, and how invalidations reach both."""
