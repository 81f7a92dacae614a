"""One file per wire. Below the seams lie pymodbus and paho; above them only our own values."""
