"""``python -m cloudtrail_processing`` is the command line."""

from cloudtrail_processing.cli import main

if __name__ == "__main__":
    main()
