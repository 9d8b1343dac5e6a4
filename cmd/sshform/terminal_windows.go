package main

// terminalName is the console, wherever the streams lead.
const terminalName = "CONIN$"
