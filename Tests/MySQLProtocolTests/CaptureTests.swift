import MySQLProtocol
import NIOCore
import Testing

/// Captured from real servers: MariaDB 10.11 and MySQL 9.7, with EOF packets and without.
@Suite struct CaptureTests {
    @Test(arguments: Capture.all)
    func anAnswerSaysWhatTheServerMeant(_ capture: Capture) {
        let replay = Replay.run(capture, capture.bytes)
        #expect(replay.events == capture.events)
        #expect(replay.packets == capture.received.count)
        #expect(replay.failure == nil)
        #expect(replay.isComplete)
    }

    @Test(arguments: Capture.all)
    func theSizeOfTheReadsDoesNotMatter(_ capture: Capture) {
        for size in [1, 2, 3, 7, 64] {
            let replay = Replay.run(capture, capture.bytes, size: size)
            #expect(replay.events == capture.events, "reads of \(size) bytes")
            #expect(replay.isComplete, "reads of \(size) bytes")
        }
    }

    /// A connection that ends within an answer: what came before it is read, no more, and no answer is complete.
    @Test(arguments: Capture.all)
    func anAnswerThatBreaksOffGivesItsBeginning(_ capture: Capture) {
        let bytes = capture.bytes
        var ends: [Int] = []
        for packet in capture.packets { ends.append((ends.last ?? 0) + packet.count) }
        for count in bytes.indices {
            let replay = Replay.run(capture, bytes.prefix(count), rendersRows: false)
            #expect(replay.failure == nil, "\(count) bytes")
            #expect(replay.packets == ends.count { $0 <= count }, "\(count) bytes")
            #expect(replay.events.count <= capture.events.count, "\(count) bytes")
            #expect(!replay.isComplete, "\(count) bytes")
        }
    }

    /// The packet's own length says that there is less of it than its fields need.
    @Test(arguments: Capture.all)
    func aPacketThatEndsTooEarlyIsAnErrorOrEndsTheAnswer(_ capture: Capture) {
        let packets = capture.packets
        for (index, packet) in packets.enumerated() {
            let before = packets[..<index].flatMap { $0 }
            for length in 0..<packet.count - 4 {
                let cut = [UInt8(length & 0xFF), UInt8(length >> 8), 0, packet[3]] + packet[4..<4 + length]
                let replay = Replay.run(capture, before + cut, rendersRows: false)
                #expect(replay.packets <= index + 1)
                if length == 0 { #expect(replay.failure == .truncated) }
            }
        }
    }

    /// Whatever a byte is changed to: events or an error come of it, and never a crash.
    @Test(arguments: Capture.all)
    func aChangedByteDoesNoHarm(_ capture: Capture) {
        let bytes = capture.bytes
        var before = Replay(capture, rendersRows: false)
        var start = 0
        for packet in capture.packets {
            var rest = ByteBuffer(bytes: bytes[start...])
            for (index, byte) in packet.enumerated() {
                for changed: UInt8 in [0x00, 0xFE, 0xFF] where changed != byte {
                    rest.setInteger(changed, at: index)
                    var replay = before
                    replay.receive(rest)
                    // A shorter length makes more packets of the same bytes; each has a header of four.
                    #expect(replay.packets <= bytes.count / 4)
                    #expect(replay.events.count <= replay.packets)
                }
                rest.setInteger(byte, at: index)
            }
            before.receive(ByteBuffer(bytes: packet))
            start += packet.count
        }
        #expect(before.isComplete)
    }

    @Test(arguments: Capture.all)
    func commandsAreWrittenAsTheServersTookThem(_ capture: Capture) throws {
        var buffer = ByteBuffer()
        for command in capture.commands {
            let statement = command.statement ?? 0
            switch command.command {
            case "query": buffer.writeQuery(try #require(command.sql))
            case "prepare": buffer.writePrepare(try #require(command.sql))
            case "execute": buffer.writeExecute(statement: statement, (command.parameters ?? []).map(\.bound))
            case "close": buffer.writeClose(statement: statement)
            case "ping": buffer.writePing()
            case "reset": buffer.writeReset()
            case "quit": buffer.writeQuit()
            default: Issue.record("an unknown command: \(command.command)")
            }
        }
        #expect(Samples.hex(buffer.readableBytesView) == capture.sent)
    }

    /// So that no capture is left out by mistake.
    @Test func bothServersAnswerTheSameCommands() {
        func names(_ source: String) -> [String] {
            Capture.all.filter { $0.source == source && !$0.name.contains("together") }.map(\.name)
        }
        // MariaDB's statements that are prepared and executed at once are its own, and what follows from them.
        let onlyMariaDB = ["query: nothing was executed after the preparation that failed"]
        let expected = names("mysql")
        #expect(expected.count == Set(expected).count)
        #expect(expected.count > 30)
        #expect(names("mysql-eof") == expected)
        #expect(names("mariadb").filter { !onlyMariaDB.contains($0) } == expected)
        #expect(names("mariadb-eof").filter { !onlyMariaDB.contains($0) } == expected)
    }

    /// MariaDB's ID for the last prepared statement relies on this: after a failed preparation there is no such
    /// statement, also where another statement was prepared before.
    @Test(arguments: ["mariadb", "mariadb-eof"])
    func nothingIsExecutedWhereThePreparationFailed(_ source: String) throws {
        for name in ["after an insertion", "as the first of a session"] {
            let capture = try Capture.named("prepare and execute together: no such table, \(name)", of: source)
            #expect(capture.events.map { $0.prefix(12) } == ["failed: 1146", "failed: 1243"])
        }
        let rows = try Capture.named("query: nothing was executed after the preparation that failed", of: source)
        #expect(rows.events.dropLast() == ["row: '1'", "row: '2'", "row: '8'"])
    }
}
