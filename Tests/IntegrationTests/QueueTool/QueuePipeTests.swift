import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-mq pipe`: a queue for scripts and other languages.
@Suite struct QueuePipeTests {
    @Test(arguments: try await TestServer.all)
    func requestsAreAnsweredInOrder(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            let lines = [
                #"{"id":1,"op":"enqueue","message":{"a":[1,null]}}"#,
                #"{"id":{"any":["json"]},"op":"enqueueMany","messages":[1,"2"],"delay":1000.5,"orderingKey":"k"}"#,
                #"{"id":3,"op":"depth"}"#,
                #"{"id":4,"op":"enqueue","message":1,"delay":-1}"#,
                #"{"id":5,"op":"enqueue","message":1,"orderingKey":"k "}"#,
                #"{"id":6,"op":"settle","messageId":"x","outcome":"done"}"#,
                "not JSON", "", #"{"id":7,"op":"fly"}"#, #"{"id":8,"op":"enqueue"}"#,
            ]
            let outcome = try await tool.run("pipe", input: lines.joined(separator: "\n"))
            #expect(outcome.exitCode == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
            let answers = outcome.output.split(separator: "\n").map(String.init)
            #expect(answers.count == lines.count)
            #expect(
                try answers.prefix(3).map { try JSONValue(json: $0) }
                    == [
                        #"{"id":1,"ok":true}"#, #"{"id":{"any":["json"]},"ok":true}"#,
                        #"{"id":3,"ok":true,"queued":3,"ready":1,"delayed":2,"inWork":0,"dead":0}"#,
                    ].map { try JSONValue(json: $0) })
            let codes = try answers.dropFirst(3).map { answer in
                let members = try #require(JSONDocument(answer).members())
                let error = try #require(JSONDocument(members["error"] ?? "").members())
                return "\(members["id"] ?? "") \(error["code"] ?? "")"
            }
            #expect(
                codes == [
                    "4 \"invalidDelay\"", "5 \"invalidOrderingKey\"", "6 \"leaseLost\"", "null \"badRequest\"",
                    "null \"badRequest\"", "7 \"badRequest\"", "8 \"badRequest\"",
                ])
            let rows = try await server.sql("SELECT message, ordering_key FROM `\(tool.table)` ORDER BY id")
            #expect(rows.map { $0[0]?.replacing(" ", with: "") } == ["{\"a\":[1,null]}", "1", "\"2\""])
            #expect(rows.map { $0[1] } == [nil, "k", "k"])
        }
    }

    /// The message of a line that is one.
    private func settle(_ pipe: ToolProcess, _ line: [String: String], _ members: String) throws {
        let id = try #require(line["messageId"], "\(line)")
        try pipe.send("{\"id\":\"s\",\"op\":\"settle\",\"messageId\":\(id),\(members)}")
    }

    @Test(arguments: try await TestServer.all)
    func messagesComeAndAreSettled(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("{\"n\":1}")
            let pipe = try tool.start("pipe", "--maximum-attempts", "3")
            try pipe.send(#"{"id":1,"op":"listen","concurrency":2}"#)
            let first = try await pipe.objects(2)
            #expect(first[0] == ["id": "1", "ok": "true"])
            #expect(first[1]["message"]?.replacing(" ", with: "") == "{\"n\":1}")
            #expect(first[1]["attempt"] == "1" && first[1]["orderingKey"] == "null")
            try pipe.send(#"{"id":2,"op":"listen"}"#)
            #expect(try await pipe.objects(3)[2]["ok"] == "false")
            try settle(pipe, first[1], #""outcome":"retry","after":0,"reason":"busy""#)
            // The answer, and the message again.
            let second = try await pipe.objects(5)
            #expect(second[3] == ["id": "\"s\"", "ok": "true"])
            #expect(second[4]["messageId"] == first[1]["messageId"] && second[4]["attempt"] == "2")
            #expect(try await server.sql("SELECT last_error FROM `\(tool.table)`") == [["busy"]])
            try settle(pipe, second[4], #""outcome":"reject","reason":"no inbox""#)
            try await eventually { try await tool.count() == 0 }
            let dead = try await server.sql("SELECT attempts, last_error FROM `\(tool.table)_dead`")
            #expect(dead == [["2", "no inbox"]])
            // Through the same pipe.
            try pipe.send(#"{"id":3,"op":"enqueue","message":"own","orderingKey":"k"}"#)
            let third = try await pipe.objects(8)
            let own = try #require(third.first { $0["message"] == "\"own\"" })
            #expect(own["orderingKey"] == "\"k\"")
            try settle(pipe, own, #""outcome":"done""#)
            try await eventually { try await tool.count() == 0 }
            try settle(pipe, own, #""outcome":"done""#)
            let last = try await pipe.objects(10)
            #expect(last[9]["error"]?.contains("leaseLost") == true)
            try pipe.closeInput()
            #expect(await pipe.end() == 0, "\(pipe.errors)")
        }
    }

    /// At the end of the input, or at a signal, what was not settled goes back at once.
    @Test(arguments: try await TestServer.all, [true, false])
    func whatIsNotSettledGoesBack(_ server: TestServer, _ isSignalled: Bool) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1", "2", "3")
            try await tool.enqueue("4", "5", orderingKey: "k")
            // Nothing waits for the grace period.
            let pipe = try tool.start("pipe", "--grace-period", "1000")
            try pipe.send(#"{"id":1,"op":"listen","concurrency":3}"#)
            let lines = try await pipe.objects(4)
            try settle(pipe, lines[1], #""outcome":"done""#)
            try await eventually { try await tool.count() == 4 }
            if isSignalled { pipe.signal(SIGTERM) } else { try pipe.closeInput() }
            #expect(await pipe.end() == 0, "\(pipe.errors)")
            let rows = try await server.sql("SELECT deliver_after <= NOW(6), attempts FROM `\(tool.table)`")
            #expect(rows == Array(repeating: ["1", "0"], count: 4))
            let locks = try await server.sql("SELECT IS_FREE_LOCK('\(tool.table):k')")
            #expect(locks == [["1"]])
        }
    }

    /// A message that another process has by now is announced.
    @Test(arguments: try await TestServer.all)
    func aLostMessageIsAnnounced(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1")
            let pipe = try tool.start("pipe", "--lease", "1")
            try pipe.send(#"{"id":1,"op":"listen","concurrency":1}"#)
            let id = try #require(try await pipe.objects(2)[1]["messageId"])
            try await server.sql("UPDATE `\(tool.table)` SET deliver_after = NOW(6) + INTERVAL 1 HOUR")
            let lines = try await pipe.objects(3)
            #expect(lines[2] == ["messageId": id, "cancelled": "true"])
            try settle(pipe, lines[1], #""outcome":"done""#)
            #expect(try await pipe.objects(4)[3]["error"]?.contains("leaseLost") == true)
            try pipe.closeInput()
            #expect(await pipe.end() == 0)
            #expect(try await tool.count() == 1)
        }
    }

    /// A client that is gone leaves nothing behind.
    @Test(arguments: try await TestServer.all)
    func aKilledPipeLosesNothing(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1")
            let pipe = try tool.start("pipe", "--lease", "1")
            try pipe.send(#"{"id":1,"op":"listen"}"#)
            _ = try await pipe.objects(2)
            pipe.signal(SIGKILL)
            #expect(await pipe.end() == SIGKILL)
            let second = try tool.start("pipe")
            try second.send(#"{"id":1,"op":"listen"}"#)
            let lines = try await second.objects(2)
            #expect(lines[1]["attempt"] == "2")
            try settle(second, lines[1], #""outcome":"done""#)
            try await eventually { try await tool.count() == 0 }
            try second.closeInput()
            #expect(await second.end() == 0)
        }
    }
}
