func runSimulator() {}
