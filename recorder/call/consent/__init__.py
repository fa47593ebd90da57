"""Consent of each participant: asked, heard, decided and receipted."""
