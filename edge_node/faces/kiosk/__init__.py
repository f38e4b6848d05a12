"""The farmer's kiosk: picture and amount first, whole price before consent, no uplink."""
