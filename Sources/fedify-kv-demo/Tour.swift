import FedifyKv
import FedifyMySQL
import Foundation

/// A tour of the store that fits on a screen, on the documents of a small Fediverse server.
@main
struct Tour {
    let kv: MySQLKvStore

    static func main() async throws {
        guard let url = ProcessInfo.processInfo.environment["MYSQL_URL"] else {
            FileHandle.standardError.write(Data("Set MYSQL_URL to a server, or run `make demo`.\n".utf8))
            exit(2)
        }
        var options = MySQLKvStoreOptions()
        options.tableName = "fedify_kv_demo"
        let kv = try MySQLKvStore(MySQLPool(url: url), options: options)
        try await kv.createTable()
        do {
            try await Tour(kv: kv).show()
        } catch {
            try? await kv.dropTable()
            throw error
        }
        // Clean up.
        try await kv.dropTable()
        await kv.pool.close()
    }

    func show() async throws {
        let server = try await kv.pool.withConnection { $0.server }
        print("Fedify KV on \(server.flavor == .mariadb ? "MariaDB" : "MySQL") \(server.version)\n")
        let start = ContinuousClock.now

        try await step("An actor is cached for an hour") {
            try await kv.set(["remote", alice.id], alice, ttl: .seconds(3600))
            let cached = try await kv.get(["remote", alice.id], as: Actor.self)
            let left = try await kv.getWithTTL(["remote", alice.id])?.ttl?.components.seconds ?? 0
            return "\(cached?.name ?? "nobody") (@\(cached?.preferredUsername ?? "")), for \(left + 1) s more"
        }
        try await step("An activity comes in twice, and is handled once") {
            let follow = Activity(
                id: "https://social.example/activities/1", type: "Follow", actor: alice.id,
                object: "https://here.example/users/me")
            var handled: [String] = []
            for delivery in ["first", "second"] {
                // The first process that sees the ID claims it, for a day.
                if try await kv.cas(["seen", follow.id], expected: nil, new: true, ttl: .seconds(86400)) {
                    handled.append(delivery)
                }
            }
            return "handled: the \(handled.joined(separator: " and the ")) delivery"
        }
        try await step("Sixteen tasks race for one lock") {
            let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
                for task in 1...16 {
                    group.addTask {
                        try await kv.cas(["lock", "outbox"], expected: nil, new: task, ttl: .seconds(30)) ? task : nil
                    }
                }
                return try await group.reduce(into: [Int]()) { if let winner = $1 { $0.append(winner) } }
            }
            return "won: task \(winners.map(String.init).joined(separator: ", ")), of 16"
        }
        try await step("A listing by prefix: alice's followers") {
            for name in ["bob", "carol", "dave"] {
                try await kv.set(["followers", "alice", "https://\(name).example/"], ["since": "2026-01-01"])
            }
            try await kv.set(["followers", "alicia", "https://erin.example/"], ["since": "2026-01-01"])
            var followers: [String] = []
            for try await entry in kv.list(prefix: ["followers", "alice"]) {
                followers.append(entry.key.components()[2])
            }
            return followers.joined(separator: " ")
        }
        try await step("A token lives for a second") {
            try await kv.set(["token"], "4711", ttl: .seconds(1))
            let before = try await kv.get(["token"], as: String.self)
            var looks = 0
            let deadline = ContinuousClock.now + .seconds(10)
            while try await kv.get(["token"]) != nil, .now < deadline {
                looks += 1
                try await Task.sleep(for: .milliseconds(100))
            }
            return "there: \(before ?? "nothing"); gone after \(looks) looks"
        }
        print("\nDone in \(Self.milliseconds(start.duration(to: .now))).")
    }

    /// Says what is done, does it, and says what came of it and how long it took.
    private func step(_ title: String, _ body: () async throws -> String) async throws {
        let start = ContinuousClock.now
        let outcome = try await body()
        print("• \(title)  (\(Self.milliseconds(start.duration(to: .now))))\n    \(outcome)")
    }

    private static func milliseconds(_ duration: Duration) -> String {
        duration.formatted(.units(allowed: [.milliseconds], fractionalPart: .show(length: 1)))
    }
}
