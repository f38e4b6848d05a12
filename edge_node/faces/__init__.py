"""What people see at the station: the farmer's kiosk, the agent's station page."""
