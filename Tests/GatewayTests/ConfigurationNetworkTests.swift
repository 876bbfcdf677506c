import Testing
import Wire

@testable import Gateway

@Suite("Configuration of networks and secrets") struct ConfigurationNetworkTests {
  @Test func trustedProxies() throws {
    let configuration = try load(#"{"trusted_proxies":["127.0.0.1","10.1.2.3/8","2001:DB8::/32","::ffff:192.0.2.1"]}"#)
    #expect(configuration.trustedProxies.map(\.description) == ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])
    #expect(configuration.text.contains(#""trusted_proxies": ["127.0.0.1","10.0.0.0/8","2001:db8::/32","192.0.2.1"]"#))
    let fromEnvironment = try load(nil, [("XTGATEWAY_TRUSTED_PROXIES", #"["::1"]"#)])
    #expect(fromEnvironment.trustedProxies.map(\.description) == ["::1"])
  }

  @Test(arguments: ["nginx", "10.0.0.0/33", "", "10.0.0", "::/129", "*", "10.0.0.1:80"]) func invalidProxiesAreNamed(_ text: String)
  {
    let found = mistakes(#"{"trusted_proxies":["127.0.0.1","\#(text)"]}"#)
    #expect(
      found == [
        #"config.json: trusted_proxies[1] must be an IP address or a network ("10.0.0.0/8"), but it is "\#(text)""#
      ])
  }

  @Test func aProxyIsAText() {
    #expect(mistakes(#"{"trusted_proxies":[1]}"#) == ["config.json: trusted_proxies[0] must be a string"])
    #expect(mistakes(#"{"trusted_proxies":"127.0.0.1"}"#) == ["config.json: trusted_proxies must be a list"])
  }

  @Test(arguments: [
    ("{}", false), (#"{"port":1,"limits":{"max_connections_per_address":5}}"#, false),
    (#"{"cookies":[{"authorization":"t"}]}"#, true), (#"{"cookies":[{"account":"a","password":"b"}]}"#, true),
    (#"{"api_keys":["k"]}"#, true), (#"{"admin_key":"k"}"#, true), (#"{"metrics":{"key":"k"}}"#, true),
  ]) func secretsOfTheFile(_ file: String, _ holds: Bool) throws {
    #expect(try load(file).fileHoldsSecrets == holds)
    // Those of the environment are in no file.
    #expect(try load(file, [("XTGATEWAY_ADMIN_KEY", "k"), ("XTGATEWAY_API_KEYS", #"["k"]"#)]).fileHoldsSecrets == holds)
  }
}
