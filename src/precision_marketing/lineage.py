"""The command ``python -m precision_marketing.lineage``; what it does is in ``privacy.lineage_picture``."""

from precision_marketing.privacy.lineage_picture import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
