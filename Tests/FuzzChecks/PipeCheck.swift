import FedifyKv
import FedifyKvPipe
import Foundation

/// The input's first byte is the longest line allowed, the next seven are sizes of reads; what follows is read.
enum PipeCheck {
    private static let headerSize = 8

    static func check(_ input: [UInt8]) async throws {
        guard input.count >= headerSize else { return }
        let text = Array(input[headerSize...])
        let maximumLength = Int(input[0])
        let lines = try await read(text, sizes: input[1..<headerSize].map(Int.init), maximumLength: maximumLength)
        let expected = text.split(separator: 0x0A, omittingEmptySubsequences: false)
        // No line follows a final line feed.
        let lastIsNone = expected.last?.isEmpty == true
        try expect(lines.count == expected.count - (lastIsNone ? 1 : 0), "as many lines are read as there are")
        for (line, expected) in zip(lines, expected) {
            switch line {
            case .text(let bytes):
                try expect(bytes.elementsEqual(expected), "a line is what stands between line feeds")
                try expect(bytes.count <= maximumLength, "no line is longer than allowed")
            case .tooLong: try expect(expected.count > maximumLength, "a line is too long only if it is")
            }
        }
        for line in expected { try checkRequest(Array(line)) }
    }

    /// Each part comes in a read of its own: a datagram.
    private static func read(
        _ text: [UInt8], sizes: [Int], maximumLength: Int
    ) async throws -> [LineReader.Line] {
        var sockets: [Int32] = [-1, -1]
        #if canImport(Glibc)
            let type = Int32(SOCK_DGRAM.rawValue)
        #else
            let type = SOCK_DGRAM
        #endif
        guard socketpair(AF_UNIX, type, 0, &sockets) == 0 else { throw Finding(description: "no pair of sockets") }
        let writer = sockets[0]
        defer { for socket in sockets { close(socket) } }
        var rest = text[...]
        for size in sizes + [text.count] {
            let part = rest.prefix(size)
            rest = rest.dropFirst(size)
            // An empty datagram would be the end.
            if part.isEmpty { continue }
            let sent = part.withUnsafeBytes { send(writer, $0.baseAddress, $0.count, 0) }
            guard sent == part.count else { throw Finding(description: "the part can't be sent") }
        }
        send(writer, nil, 0, 0)
        let reader = LineReader(FileHandle(fileDescriptor: sockets[1]), maximumLength: maximumLength)
        var lines: [LineReader.Line] = []
        while let line = try await reader.next() { lines.append(line) }
        return lines
    }

    /// Whatever a line is, its answer is one line of JSON.
    private static func checkRequest(_ line: [UInt8]) throws {
        var id = "null"
        do {
            let request = try PipeRequest(line)
            id = JSONValue(uncheckedJSON: request.id).oneLine
            try checkAnswer(PipeAnswer.ok(id))
            try checkOperation(request.operation())
        } catch let error as PipeRequest.Malformed {
            try checkAnswer(PipeAnswer.error(id, code: "badRequest", message: error.message))
        } catch let error as KvError {
            try expect(error.code == .invalidTTL, "a request's own error is that of its ttl")
        }
    }

    private static func checkOperation(_ operation: PipeRequest.Operation) throws {
        switch operation {
        case .get, .delete, .list, .count: break
        case .set(let key, let value, _): try checkAnswer(KvEntry(key: key, value: value).oneLine)
        case .cas(let key, let expected, let new, _):
            for value in [expected, new].compactMap(\.self) {
                try checkAnswer(KvEntry(key: key, value: value).oneLine)
            }
        }
    }

    private static func checkAnswer(_ answer: String) throws {
        _ = try JSONDocument(answer)
        try expect(!answer.utf8.contains { $0 == 0x0A || $0 == 0x0D }, "an answer is one line")
    }
}
