"""What officers do with models: propose, approve, roll out, halt, roll back; and what they see."""
