"""The gigaday command, one file per group of verbs."""
