"""The service that receives from many schools and counts each record exactly once."""
