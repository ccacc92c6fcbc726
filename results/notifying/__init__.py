"""Flags told to people and programs as they come: webhooks and e-mail.

What is told to whom and when is decided in `worklist.notifying`.
"""
