import Testing

@testable import XSTech
