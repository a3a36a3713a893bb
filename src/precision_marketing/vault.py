"""The command ``python -m precision_marketing.vault``, and what profiles.yml names. Both are in ``privacy.vault``."""

from precision_marketing.privacy.vault import main, register

__all__ = ["main", "register"]

if __name__ == "__main__":
    main()
