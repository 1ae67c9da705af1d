-- Where each running server keeps the bytes of media, so that nobody takes them away under it. Servers of the version before say nothing.
ALTER TABLE wazapp.key_holder ADD COLUMN media text;
