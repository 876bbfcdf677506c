func runXTGateway() {}
