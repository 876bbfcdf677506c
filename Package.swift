// swift-tools-version: 6.1
import PackageDescription

/// What a release is built with beside -O. Calls between the layers are inlined and specialised, which Swift does for public
/// declarations alone. Overlapping accesses to a variable are found by the debug build, which every unit test runs with; at run
/// time the check would be paid for with every chunk.
let release = [
  SwiftSetting.unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

/// Every folder of `Sources/XTGateway` is a target of its own, so that the compiler keeps the direction of imports.
/// `scripts/check-imports` holds the same table and closes what SwiftPM leaves open.
func layer(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/XTGateway/\(name)", swiftSettings: release)
}

func tests(of layer: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(name: "\(layer)Tests", dependencies: [.init(stringLiteral: layer)] + dependencies)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "xtgateway",
  products: [
    .executable(name: "xtgateway", targets: ["App"]),
    .executable(name: "xstech-simulator", targets: ["XSTechSimulator"]),
    .executable(name: "xtgateway-load", targets: ["LoadGenerator"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
  ],
  targets: [
    .systemLibrary(name: "CUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    layer("Wire"),
    layer("EventLoop", ["CUV", "Wire"]),
    layer("HTTPServer", ["EventLoop", "Wire"]),
    layer("HTTPClient", ["CCurl", "EventLoop", "Wire"]),
    layer("OpenAI", ["Wire"]),
    layer("XSTech", ["Wire"]),
    layer("Gateway", ["EventLoop", "HTTPClient", "HTTPServer", "OpenAI", "Wire", "XSTech", log]),
    .executableTarget(
      name: "App",
      dependencies: ["EventLoop", "Gateway", "HTTPClient", "HTTPServer", "Wire", log],
      path: "Sources/XTGateway/App", swiftSettings: release),
    .executableTarget(
      name: "XSTechSimulator",
      dependencies: ["EventLoop", "HTTPServer", "Wire", arguments]),
    .executableTarget(name: "LoadGenerator", dependencies: ["EventLoop", "Wire", arguments]),
    tests(of: "Wire"),
    tests(of: "EventLoop", ["Wire"]),
    tests(of: "HTTPServer", ["EventLoop", "Wire"]),
    tests(of: "HTTPClient", ["EventLoop", "HTTPServer", "Wire"]),
    tests(of: "OpenAI", ["Wire"]),
    tests(of: "XSTech", ["Wire"]),
    tests(of: "Gateway", ["EventLoop", "HTTPClient", "HTTPServer", "OpenAI", "Wire", "XSTech", log]),
  ],
  swiftLanguageModes: [.v6]
)

// Fuzz targets and the parser that the differential tests ask; only `scripts/fuzz` and `scripts/differential` build them.
if Context.environment["XTGATEWAY_FUZZ"] != nil {
  func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    // Its main function is libFuzzer's.
    .executableTarget(
      name: "Fuzz\(name)", dependencies: ["FuzzSupport", "Wire"] + dependencies, path: "Fuzz/\(name)",
      swiftSettings: [.unsafeFlags(["-parse-as-library"])])
  }
  package.targets += [
    .target(name: "FuzzSupport", dependencies: ["Wire"], path: "Fuzz/Support"),
    fuzzer("HTTP", []),
    fuzzer("HTTPResponse", []),
    fuzzer("SSE", []),
    fuzzer("JSON", []),
    .target(name: "AnswerSupport", dependencies: ["FuzzSupport", "Gateway", "Wire", "XSTech"], path: "Fuzz/AnswerSupport"),
    fuzzer("Events", ["AnswerSupport", "Gateway", "XSTech"]),
    fuzzer("Answer", ["AnswerSupport", "Gateway", "XSTech"]),
    fuzzer("Chat", ["OpenAI"]),
    .executableTarget(name: "HTTPVerdicts", dependencies: ["FuzzSupport", "Wire"], path: "Fuzz/Verdicts"),
  ]
}

// The parsers and encoders by themselves; only `scripts/bench --micro` builds it.
if Context.environment["XTGATEWAY_MICROBENCH"] != nil {
  package.targets.append(
    .executableTarget(
      name: "XTGatewayMicrobench", dependencies: ["Gateway", "OpenAI", "Wire", "XSTech"], path: "bench/micro"))
}
