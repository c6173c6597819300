"""Chats that other products export, with what their users said of the answers."""
