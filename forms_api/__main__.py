"""python -m forms_api …"""

from forms_api.cli import main

main()
