import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-mq listen`: a process for each message.
@Suite struct QueueListenTests {
    /// A folder for what the commands write.
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(component: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let result = await Result { try await body(folder) }
        try FileManager.default.removeItem(at: folder)
        try result.get()
    }

    private func lines(_ file: URL) -> [String] {
        ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    /// Ends a listener in order.
    private func stop(_ listener: ToolProcess) async {
        listener.signal(SIGTERM)
        #expect(await listener.end() == 0, "\(listener.errors)")
    }

    @Test(arguments: try await TestServer.all)
    func commandsGetMessages(_ server: TestServer) async throws {
        try await withFolder { folder in
            try await QueueTool.with(server) { tool in
                let file = folder.appending(component: "seen")
                try await tool.enqueue("{\"n\":1}")
                try await tool.enqueue("\"two\"", orderingKey: "a key")
                let script = #"""
                    echo "$(tr -d ' ') $FEDIFY_MQ_ATTEMPT ${FEDIFY_MQ_ORDERING_KEY-none} ${#FEDIFY_MQ_MESSAGE_ID}" >> "$0"
                    echo out
                    """#
                let listener = try tool.start("listen", "--", "sh", "-c", script, file.path())
                try await eventually { try await tool.count() == 0 }
                await stop(listener)
                #expect(lines(file).sorted() == ["\"two\" 1 a key 36", "{\"n\":1} 1 none 36"])
                // The command's output is the tool's.
                #expect(listener.lines == ["out", "out"])
            }
        }
    }

    /// By the exit code: 65 rejects, all others fail, as does a signal.
    @Test(arguments: try await TestServer.all)
    func exitCodesDecide(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("0", "65", "75", "9")
            let script = #"""
                read code; [ "$FEDIFY_MQ_ATTEMPT" = 2 ] && [ "$code" = 75 ] && exit 0
                [ "$code" = 9 ] && kill -9 $$; exit "$code"
                """#
            let listener = try tool.start(
                "listen", "--maximum-attempts", "2", "--minimum-backoff", "0.01", "--maximum-backoff", "0.02", "--",
                "sh", "-c", script)
            try await eventually { try await tool.count() == 0 }
            await stop(listener)
            let dead = try await server.sql(
                "SELECT message, attempts, last_error FROM `\(tool.table)_dead` ORDER BY message + 0")
            #expect(
                dead == [
                    ["9", "2", "the command was ended by signal 9"],
                    ["65", "1", "the command ended with exit code 65"],
                ])
            #expect(listener.errors.contains("attempt 1: the command ended with exit code 75"), "\(listener.errors)")
        }
    }

    /// What its parent does with signals is nothing to a command: it ends by the first SIGTERM.
    @Test(arguments: try await TestServer.all)
    func aCommandThatTakesTooLongIsEnded(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1")
            let listener = try tool.start(
                "listen", "--handler-timeout", "0.2", "--maximum-attempts", "1", "--kill-after", "100", "--", "sleep",
                "1000")
            try await eventually { try await tool.count() == 0 }
            #expect(listener.errors.contains("was ended by signal 15"), "\(listener.errors)")
            let dead = try await server.sql("SELECT attempts, last_error FROM `\(tool.table)_dead`")
            #expect(dead == [["1", "the handler took too long"]])
            await stop(listener)
        }
    }

    @Test(arguments: try await TestServer.all)
    func aCommandThatIgnoresSIGTERMIsKilled(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1")
            let listener = try tool.start(
                "listen", "--handler-timeout", "0.2", "--maximum-attempts", "1", "--kill-after", "0.2", "--", "sh",
                "-c", "trap '' TERM; while true; do sleep 1; done")
            try await eventually { try await tool.count() == 0 }
            #expect(listener.errors.contains("was ended by signal 9"), "\(listener.errors)")
            await stop(listener)
        }
    }

    /// It need not read its message, which may be larger than a pipe takes.
    @Test(arguments: try await TestServer.all)
    func aCommandMayIgnoreItsMessage(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("\"\(String(repeating: "x", count: 500_000))\"", "2")
            let listener = try tool.start("listen", "--concurrency", "2", "--", "true")
            try await eventually { try await tool.count() == 0 }
            await stop(listener)
        }
    }

    /// At SIGTERM running commands come to an end, the others go back at once, and nothing is lost or done twice.
    @Test(arguments: try await TestServer.all, [SIGTERM, SIGINT])
    func aShutdownInOrderLosesNothing(_ server: TestServer, _ signal: Int32) async throws {
        try await withFolder { folder in
            try await QueueTool.with(server) { tool in
                let file = folder.appending(component: "done")
                let messages = (0..<60).map { JSONValue(uncheckedJSON: "\($0)") }
                try await tool.queue.enqueue(Array(messages[..<40]), delay: .zero, orderingKey: nil)
                try await tool.queue.enqueue(Array(messages[40...]), delay: .zero, orderingKey: "k")
                let script = #"n=$(cat); sleep 0.1; echo "$n" >> "$0""#
                let listener = try tool.start("listen", "--concurrency", "4", "--", "sh", "-c", script, file.path())
                try await eventually { lines(file).count >= 6 }
                listener.signal(signal)
                #expect(await listener.end() == 0, "\(listener.errors)")
                // Commands that ran came to their end.
                #expect(!listener.errors.contains("signal"), "\(listener.errors)")
                let done = lines(file)
                #expect(Set(done).count == done.count && done.count < 60, "\(done)")
                // The rest is ready, not leased, and not counted as an attempt.
                let left = try await server.sql(
                    "SELECT message, deliver_after <= NOW(6), attempts FROM `\(tool.table)`")
                #expect(Set(left.compactMap { $0[0] }).isDisjoint(with: done))
                #expect(left.count + done.count == 60)
                #expect(left.allSatisfy { $0[1] == "1" && $0[2] == "0" }, "\(left)")
                let second = try tool.start("listen", "--concurrency", "4", "--", "sh", "-c", script, file.path())
                try await eventually(within: .seconds(60)) { try await tool.count() == 0 }
                await stop(second)
                #expect(lines(file).compactMap { Int($0) }.sorted() == Array(0..<60))
                #expect(lines(file).compactMap { Int($0) }.filter { $0 >= 40 } == Array(40..<60))
            }
        }
    }

    /// After the grace period, or at the second signal, commands are ended, and their messages go back.
    @Test(arguments: try await TestServer.all, [true, false])
    func whatIsNotHandledInTimeGoesBack(_ server: TestServer, _ isSignalledTwice: Bool) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1")
            let grace = isSignalledTwice ? "1000" : "0.1"
            let listener = try tool.start(
                "listen", "--grace-period", grace, "--", "sh", "-c", "echo begun; sleep 1000")
            try await eventually { listener.lines == ["begun"] }
            listener.signal(SIGTERM)
            if isSignalledTwice { listener.signal(SIGINT) }
            #expect(await listener.end() == 0, "\(listener.errors)")
            let row = try await server.sql("SELECT deliver_after <= NOW(6), attempts FROM `\(tool.table)`")
            #expect(row == [["1", "0"]])
        }
    }

    /// One that is killed leaves its message to others after the lease.
    @Test(arguments: try await TestServer.all)
    func aKilledListenerLosesNothing(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1")
            let listener = try tool.start("listen", "--lease", "1", "--", "sh", "-c", "echo begun; sleep 5")
            try await eventually { listener.lines == ["begun"] }
            listener.signal(SIGKILL)
            let second = try tool.start("listen", "--", "sh", "-c", "echo $FEDIFY_MQ_ATTEMPT")
            try await eventually { second.lines == ["2"] }
            try await eventually { try await tool.count() == 0 }
            await stop(second)
            _ = await listener.end()
        }
    }
}
