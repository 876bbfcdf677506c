runSimulator()
