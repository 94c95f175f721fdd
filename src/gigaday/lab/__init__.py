"""The whole deployment on one machine, with real servers and real faults."""
