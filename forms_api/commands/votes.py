"""`votes`: a budget vote from its keys to its published result; docs/voting.md says who does what."""

from forms_api.commands import box, holder, paper, result  # noqa: F401 (each brings its commands)
from forms_api.commands.poll import votes as votes
