runXTGateway()
