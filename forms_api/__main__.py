"""python -m forms_api …"""

from forms_api.commands import main

main()
