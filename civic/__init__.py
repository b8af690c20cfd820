"""The core both programs agree on: shapes, rules, stores. No Flask, no Jinja."""
