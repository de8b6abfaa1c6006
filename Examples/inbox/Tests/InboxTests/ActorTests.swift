import FedifyKv
import NIOCore
import Testing

@testable import inbox

/// Actors are fetched seldom, and from nowhere that strangers should not send us.
@Suite struct ActorTests {
    @Test func anActorIsFetchedOnce() async throws {
        try await InboxFixture.run { inbox throws in
            for number in 0..<5 { #expect(try await inbox.post(inbox.activity("\(number)")).status == 202) }
            #expect(inbox.remote.count("/actors/alice") == 1)
            let key: KvKey = ["actors", "\(inbox.origin)/actors/alice"]
            let cached = try #require(try await inbox.kv.getWithTTL(key))
            #expect(try cached.value.decode(as: ActorDocument.self).name == "alice")
            let left = try #require(cached.ttl)
            #expect(left > .seconds(3000) && left <= .seconds(3600))
        }
    }

    @Test func anActorIsFetchedAgainWhenItsTimeIsUp() async throws {
        try await InboxFixture.run({
            $0.actorLife = .milliseconds(100); $0.requestsPerWindow = 10000
        }) { inbox throws in
            var number = 0
            try await eventually {
                number += 1
                _ = try await inbox.post(inbox.activity("\(number)"))
                return inbox.remote.count("/actors/alice") == 2
            }
        }
    }

    @Test(arguments: ["missing", "another", "page", "nonsense", "large", "elsewhere", "slow"])
    func whatIsNoActorIsRefusedAndNotAskedForAgainSoon(name: String) async throws {
        try await InboxFixture.run({ $0.client.timeLimit = .seconds(3) }) { inbox throws in
            #expect(try await inbox.post(inbox.activity("1", by: name)).status == 502)
            #expect(try await inbox.post(inbox.activity("2", by: name)).status == 502)
            #expect(inbox.remote.count("/actors/\(name)") == 1)
            #expect(inbox.remote.count("/actors/alice") == 0)
            #expect(try await inbox.kv.get(["actors", "\(inbox.origin)/actors/\(name)"]) == .null)
            #expect(try await inbox.kv.count(prefix: ["inbox"]) == 0)
        }
    }

    @Test func nothingIsFetchedFromThisMachineUnlessAllowed() async throws {
        try await InboxFixture.run({ $0.client.allowsLoopback = false }) { inbox throws in
            #expect(try await inbox.post(inbox.activity("1")).status == 502)
            #expect(inbox.remote.count("/actors/alice") == 0)
        }
    }

    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.8", "192.168.1.1", "198.19.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
        "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001::1", "2001:db8::1",
    ])
    func thisAddressIsNotPublic(address: String) throws {
        #expect(try !SocketAddress(ipAddress: address, port: 80).isPublic)
    }

    @Test(arguments: [
        "1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2606:4700::1111",
        "2001:4860::8888", "2a00:1450::1", "::ffff:1.1.1.1",
    ])
    func thisAddressIsPublic(address: String) throws {
        #expect(try SocketAddress(ipAddress: address, port: 80).isPublic)
    }

    /// However this machine is written: all that the system's resolver takes for it is looked at after it is resolved.
    @Test(arguments: [
        "http://127.1/a", "http://2130706433/a", "http://0x7f.1/a", "http://[::1]/a", "http://LOCALHOST/a",
    ])
    func thisMachineByOtherNames(url: String) async throws {
        let url = try #require(RemoteURL(url))
        let error = await #expect(throws: RemoteClient.Refused.self) { try await ActorFetcher().fetch(url) }
        #expect(error?.reason == "its address isn't a public one")
    }
}
