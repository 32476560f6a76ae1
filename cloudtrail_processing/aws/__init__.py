"""The only input and output: the queue, the store and listings of AWS, behind the protocols of ``ports``."""
