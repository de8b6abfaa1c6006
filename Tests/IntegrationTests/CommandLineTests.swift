import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv`, as a user runs it.
@Suite struct CommandLineTests {
    @Test(arguments: try await TestServer.all)
    func commandsAndExitCodes(_ server: TestServer) async throws {
        let table = TestServer.newTableName()
        func run(_ arguments: String..., input: String = "") async throws -> CommandLineTool.Outcome {
            try await CommandLineTool.run(arguments + ["--table", table], url: server.url, input: input)
        }
        func expect(
            _ outcome: CommandLineTool.Outcome, _ exitCode: Int32, _ output: String = "",
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(outcome.exitCode == exitCode, "\(outcome.errors)", sourceLocation: sourceLocation)
            #expect(outcome.output == output, sourceLocation: sourceLocation)
            if exitCode <= 1 { #expect(outcome.errors.isEmpty, sourceLocation: sourceLocation) }
            if exitCode > 1 { #expect(!outcome.errors.isEmpty, sourceLocation: sourceLocation) }
        }
        expect(try await run("init"), 0)
        expect(try await run("get", "a"), 1)
        expect(try await run("set", "a", "--value", "\"x\""), 0)
        expect(try await run("get", "a"), 0, "\"x\"\n")
        expect(try await run("set", "a", "b", "--ttl", "1000.5", input: "{\"n\":1}\n"), 0)
        expect(try await run("cas", "a", "--expected", "\"y\"", "--new", "1"), 1)
        expect(try await run("cas", "a", "--expected", "\"x\"", "--new", "null"), 0)
        expect(try await run("get", "a"), 0, "null\n")
        expect(try await run("cas", "c", "--new", "1"), 0)
        expect(try await run("cas", "c", "--expected", "1"), 0)
        expect(try await run("get", "c"), 1)
        // A value may begin as an option does.
        expect(try await run("set", "c", "--value", "-1"), 0)
        expect(try await run("cas", "c", "--expected", "-1", "--new", "-2"), 0)
        expect(try await run("get", "c"), 0, "-2\n")
        expect(try await run("delete", "c"), 0)
        let listed = try await run("list", "a")
        #expect(listed.exitCode == 0)
        let entries = try listed.output.split(separator: "\n").map { try #require(JSONDocument(String($0)).members()) }
        #expect(entries.map { $0["key"] } == ["[\"a\",\"b\"]", "[\"a\"]"])
        #expect(JSONValue(uncheckedJSON: try #require(entries[0]["value"])) == JSONValue(uncheckedJSON: "{\"n\":1}"))
        expect(try await run("count"), 0, "2\n")
        expect(try await run("set", "gone", "--value", "1", "--ttl", "0"), 0)
        expect(try await run("sweep"), 0, "1\n")
        expect(try await run("delete", "a"), 0)
        expect(try await run("delete", "a", "--prefix"), 0)
        expect(try await run("count"), 0, "0\n")

        expect(try await run("get"), 2)
        expect(try await run("nonsense"), 2)
        expect(try await run("set", "a", "--value", "{"), 2)
        expect(try await run("set", "a", "--value", "1", "--ttl=-1"), 2)
        expect(try await run("get", String(repeating: "x", count: 1000)), 2)
        expect(try await run("drop"), 2)
        expect(try await CommandLineTool.run(["count"], url: nil), 2)
        expect(try await CommandLineTool.run(["count"], url: "mysql://h/d"), 2)
        expect(try await CommandLineTool.run(["count", "--table", "a-b"], url: server.url), 2)
        expect(try await CommandLineTool.run(["count"], url: "mysql://u:hunter2@127.0.0.1:1/d?deadline=1"), 3)
        let denied = try await CommandLineTool.run(["count"], url: "mysql://u:hunter2@127.0.0.1:1/d?deadline=1")
        #expect(!denied.errors.contains("hunter2"))
        let help = try await CommandLineTool.run(["--help"], url: nil)
        #expect(help.exitCode == 0 && help.output.contains("MYSQL_URL"))
        expect(try await run("drop", "--yes"), 0)
        #expect(try await server.sql("SHOW TABLES LIKE '\(table)'").isEmpty)
    }

    @Test(arguments: try await TestServer.all)
    func pipeAnswersInOrder(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let lines = [
                #"{"id":1,"op":"get","key":["a"]}"#,
                #"{"id":2,"op":"set","key":["a"],"value":{"b":[1,null]},"ttl":1000.25}"#,
                #"{"id":3,"op":"get","key":["a"]}"#,
                #"{"id":4,"op":"cas","key":["a"],"expected":1,"new":2}"#,
                #"{"id":5,"op":"cas","key":["n"],"new":null}"#,
                #"{"id":6,"op":"cas","key":["n"],"expected":null,"new":"x","ttl":60}"#,
                #"{"id":7,"op":"cas","key":["n"],"expected":"x"}"#,
                #"{"id":8,"op":"list","prefix":["a"]}"#,
                #"{"id":9,"op":"count"}"#,
                #"{"id":{"any":["json"]},"op":"delete","key":["a"]}"#,
                #"{"id":11,"op":"get","key":["\#(String(repeating: "x", count: 800))"]}"#,
                #"{"id":12,"op":"set","key":["a"],"value":1,"ttl":-1}"#,
                #"{"id":13,"op":"set","key":["a"],"value":1,"ttl":1e999}"#,
                #"{"id":14,"op":"get","key":[]}"#,
                "not JSON", "", "[]", #"{"id":15}"#, #"{"id":16,"op":"fly"}"#, #"{"id":17,"op":"get"}"#,
                #"{"id":18,"op":"get","key":"a"}"#, #"{"id":19,"op":"get","key":["\ud800"]}"#,
                #"{"id":20,"op":"set","key":["a"]}"#, #"{"id":21,"op":"get","key":["a"],"tll":1}"#,
                #"{"id":22,"op":"set","key":["a"],"value":1,"ttl":"1"}"#, #"{"op":"count"}"#,
            ]
            let outcome = try await CommandLineTool.run(
                ["pipe", "--table", kv.options.tableName], url: server.url, input: lines.joined(separator: "\n"))
            #expect(outcome.exitCode == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
            let answers = try outcome.output.split(separator: "\n").map { try JSONValue(json: String($0)) }
            let expected = [
                #"{"id":1,"ok":true,"found":false}"#, #"{"id":2,"ok":true}"#,
                #"{"id":3,"ok":true,"found":true,"value":{"b":[1,null]}}"#, #"{"id":4,"ok":true,"swapped":false}"#,
                #"{"id":5,"ok":true,"swapped":true}"#, #"{"id":6,"ok":true,"swapped":true}"#,
                #"{"id":7,"ok":true,"swapped":true}"#,
                #"{"id":8,"ok":true,"entries":[{"key":["a"],"value":{"b":[1,null]}}]}"#,
                #"{"id":9,"ok":true,"count":1}"#,
                #"{"id":{"any":["json"]},"ok":true}"#,
            ]
            #expect(answers.count == lines.count)
            #expect(try Array(answers.prefix(expected.count)) == expected.map { try JSONValue(json: $0) })
            let codes = try answers.dropFirst(expected.count).dropLast().map { answer in
                let members = try #require(JSONDocument(answer.json).members())
                #expect(members["ok"] == "false")
                let error = try #require(JSONDocument(members["error"] ?? "").members())
                return "\(members["id"] ?? "") \(error["code"] ?? "")"
            }
            let bad = "\"badRequest\""
            #expect(
                codes == [
                    "11 \"keyTooLong\"", "12 \"invalidTTL\"", "13 \"invalidTTL\"", "14 \"emptyKey\"", "null \(bad)",
                    "null \(bad)", "null \(bad)", "15 \(bad)", "16 \(bad)", "17 \(bad)", "18 \(bad)", "19 \(bad)",
                    "20 \(bad)",
                    "21 \(bad)", "22 \(bad)",
                ])
            #expect(try answers.last == JSONValue(json: #"{"id":null,"ok":true,"count":0}"#))
        }
    }

    /// Many at once: each is answered, by its id; and the tool answers while its input is still open.
    @Test(arguments: try await TestServer.all)
    func pipeRunsManyAtOnce(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let pipe = try PipeProcess(
                url: server.url("deadline=60"), table: kv.options.tableName, concurrency: 32)
            try await withThrowingTaskGroup { group in
                for index in 0..<200 {
                    group.addTask {
                        let key = "[\"many\",\"\(index)\"]"
                        let set = try await pipe.request(["op": "\"set\"", "key": key, "value": "\(index)"])
                        #expect(set["ok"] == "true")
                        let got = try await pipe.request(["op": "\"get\"", "key": key])
                        #expect(got["value"] == "\(index)")
                    }
                }
                try await group.waitForAll()
            }
            pipe.close()
            #expect(try await kv.count() == 200)
        }
    }
}
