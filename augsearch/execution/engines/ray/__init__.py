"""The engine of a Ray cluster; Ray is loaded when a run connects to one."""
