"""Contacts: a phone or an address of mail is proven by a code, remembered by a ticket; what messages may cost."""
