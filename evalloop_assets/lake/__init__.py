"""The lake: Delta tables, the engines that fill them, SQL assets and their dialect, the people's catalogue."""
