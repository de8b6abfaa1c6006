import Foundation
import Testing

@testable import inbox

/// The server as a process, which ends while other servers have not yet answered.
@Suite struct RestartTests {
    @Test(arguments: [SIGKILL, SIGTERM])
    func aRestartDuringDeliveriesLosesNothing(signal: Int32) async throws {
        let environment = [
            "FEDIFY_MQ_GRACE_PERIOD": "0.1", "FEDIFY_MQ_MINIMUM_BACKOFF": "0.02", "FEDIFY_MQ_MAXIMUM_BACKOFF": "0.2",
        ]
        let numbers = 1...3
        try await RemoteServer.run { remote in
            try await RemoteServer.run { other in
                try await TestTables.run { tables in
                    try await InboxProcess.run(tables, environment) { process in
                        for sender in ["alice", "bob"] {
                            let followed = "\(remote.origin)/actors/\(sender)"
                            for follow in [
                                remote.follow(followed, by: "carol"), remote.follow(followed, by: "shaky"),
                                other.follow(followed, by: "dave"),
                            ] {
                                #expect(try await process.post(follow) == 202)
                            }
                        }
                        for server in [remote, other] { server.answers(false) }
                        for number in numbers {
                            for sender in ["alice", "bob"] {
                                let activity = remote.activity("\(sender)-\(number)", by: sender)
                                #expect(try await process.post(activity) == 202)
                            }
                        }
                        try await eventually { [remote, other].allSatisfy { $0.senders().count == 2 } }
                        try await process.end(signal)
                    }
                    let before = [remote, other].map(\.arrivals.count)
                    try await InboxProcess.run(tables, environment) { _ in
                        // Those that were not answered come again.
                        try await eventually {
                            zip([remote, other], before).allSatisfy { $0.senders(after: $1).count == 2 }
                        }
                        for server in [remote, other] { server.answers(true) }
                        try await tables.open { _, queue in
                            try await eventually { try await queue.depth().queued == 0 }
                            #expect(try await queue.depth().dead == 0)
                        }
                    }
                    for sender in ["alice", "bob"] {
                        #expect(
                            remote.order(of: sender)
                                == numbers.flatMap { ["\(sender)-\($0) to carol", "\(sender)-\($0) to shaky"] })
                        #expect(other.order(of: sender) == numbers.map { "\(sender)-\($0) to dave" })
                    }
                    for (server, inbox) in [(remote, "carol"), (remote, "shaky"), (other, "dave")] {
                        let accepted = server.arrivals.filter { $0.inbox == inbox && $0.status == 202 }
                        #expect(Set(accepted.map(\.activity)).count == 6, "\(inbox)")
                    }
                }
            }
        }
    }
}

extension RemoteServer {
    /// Whose activities came, after so many others.
    fileprivate func senders(after count: Int = 0) -> Set<String> {
        Set(arrivals.dropFirst(count).map(\.sender))
    }
}
