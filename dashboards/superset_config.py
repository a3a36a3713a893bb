"""Settings of the Superset that `make dashboards` starts; start_superset.py says where it keeps its files."""

import os
from pathlib import Path

from superset.config import TALISMAN_CONFIG as DEFAULTS

SECRET_KEY = Path(os.environ["SUPERSET_HOME"], "secret_key").read_text()

# The palette of Okabe and Ito, which colour-blind people can tell apart, black and yellow last.
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "okabe_ito",
        "label": "Okabe-Ito",
        "description": "Colours that colour-blind people can tell apart",
        "isDefault": True,
        "colors": ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#000000", "#F0E442"],
    }
]

# No page of it loads or tells anything elsewhere: no maps, fonts or counting pixels of other hosts.
TALISMAN_CONFIG = {
    **DEFAULTS,
    "content_security_policy": {
        **DEFAULTS["content_security_policy"],
        "img-src": ["'self'", "blob:", "data:"],
        "connect-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
    },
}
SUPERSET_WEBSERVER_TIMEOUT = 300  # for a laptop that is busy with a build
