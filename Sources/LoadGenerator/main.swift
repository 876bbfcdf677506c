runLoadGenerator()
