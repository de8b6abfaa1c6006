/// A JSON text (RFC 8259) checked and laid out as a flat list of its parts, without recursion: nesting of any depth
/// costs memory, never stack.
package struct JSONDocument {
    /// What is wrong with a text, and at which byte; without the text.
    package struct SyntaxError: Error, CustomStringConvertible {
        package let reason: String
        package let offset: Int

        package var description: String { "\(reason) at byte \(offset)" }
    }

    enum Kind: UInt8 { case object, array, string, number, literal }

    struct Node {
        var kind: Kind
        /// The part's bytes; a string's with its quotes.
        var start: Int
        var end: Int
        /// The index of the node that follows this one and all within it.
        var next: Int
    }

    let bytes: [UInt8]
    private(set) var nodes: [Node] = []

    /// How deep arrays and objects are nested: 0 for a scalar, 1 for `[]`.
    package private(set) var depth = 0
    /// How many commas and colons separate parts: MySQL writes a space after each.
    package private(set) var separators = 0

    /// Checks and lays out a text.
    package init(_ text: String) throws(SyntaxError) {
        bytes = Array(text.utf8)
        nodes.reserveCapacity(bytes.count / 8 + 1)
        try parse()
    }

    private mutating func parse() throws(SyntaxError) {
        var open: [Int] = []
        var index = 0
        parts: while true {
            skipSpace(&index)
            // A value, or the end of an empty container.
            if let parent = open.last, nodes.count == parent + 1, peek(index) == closing(parent) {
                close(&open, &index)
            } else {
                if let parent = open.last, nodes[parent].kind == .object { try member(&index) }
                if try value(&index) {
                    open.append(nodes.count - 1)
                    depth = max(depth, open.count)
                    continue parts
                }
            }
            // What follows a complete value.
            while true {
                skipSpace(&index)
                guard let parent = open.last else {
                    guard index == bytes.count else { throw SyntaxError(reason: "text after the value", offset: index) }
                    return
                }
                if peek(index) == UInt8(ascii: ",") {
                    index += 1
                    separators += 1
                    continue parts
                }
                guard peek(index) == closing(parent) else {
                    let reason =
                        index == bytes.count
                        ? "the text ends inside an array or object" : "a comma or closing bracket is missing"
                    throw SyntaxError(reason: reason, offset: index)
                }
                close(&open, &index)
            }
        }
    }

    private func peek(_ index: Int) -> UInt8? {
        index < bytes.count ? bytes[index] : nil
    }

    private func closing(_ parent: Int) -> UInt8 {
        nodes[parent].kind == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")
    }

    private mutating func close(_ open: inout [Int], _ index: inout Int) {
        let parent = open.removeLast()
        index += 1
        nodes[parent].end = index
        nodes[parent].next = nodes.count
    }

    private func skipSpace(_ index: inout Int) {
        while let byte = peek(index), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    /// A member's name and colon.
    private mutating func member(_ index: inout Int) throws(SyntaxError) {
        guard peek(index) == UInt8(ascii: "\"") else {
            throw SyntaxError(reason: "an object's member name is missing", offset: index)
        }
        try string(&index)
        skipSpace(&index)
        guard peek(index) == UInt8(ascii: ":") else {
            throw SyntaxError(reason: "a colon is missing", offset: index)
        }
        index += 1
        separators += 1
        skipSpace(&index)
    }

    /// Reads a value; true if it is an array or object that was only opened.
    private mutating func value(_ index: inout Int) throws(SyntaxError) -> Bool {
        switch peek(index) {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let kind: Kind = bytes[index] == UInt8(ascii: "{") ? .object : .array
            nodes.append(Node(kind: kind, start: index, end: index, next: 0))
            index += 1
            return true
        case UInt8(ascii: "\""): try string(&index)
        case UInt8(ascii: "t"): try literal("true", &index)
        case UInt8(ascii: "f"): try literal("false", &index)
        case UInt8(ascii: "n"): try literal("null", &index)
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): try number(&index)
        case nil: throw SyntaxError(reason: "a value is missing", offset: index)
        default: throw SyntaxError(reason: "this is no JSON value", offset: index)
        }
        return false
    }

    private mutating func append(_ kind: Kind, from start: Int, to end: Int) {
        nodes.append(Node(kind: kind, start: start, end: end, next: nodes.count + 1))
    }

    private mutating func literal(_ word: StaticString, _ index: inout Int) throws(SyntaxError) {
        let end = index + word.utf8CodeUnitCount
        guard end <= bytes.count,
            word.withUTF8Buffer({ $0.elementsEqual(bytes[index..<end]) })
        else { throw SyntaxError(reason: "this is no JSON value", offset: index) }
        append(.literal, from: index, to: end)
        index = end
    }

    private mutating func string(_ index: inout Int) throws(SyntaxError) {
        let start = index
        index += 1
        while true {
            switch peek(index) {
            case UInt8(ascii: "\""):
                index += 1
                append(.string, from: start, to: index)
                return
            case UInt8(ascii: "\\"):
                switch peek(index + 1) {
                case UInt8(ascii: "u"):
                    let digits = bytes[min(index + 2, bytes.count)...].prefix(4)
                    guard digits.count == 4, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else {
                        throw SyntaxError(reason: "\\u needs four hexadecimal digits", offset: index)
                    }
                    index += 6
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
                    UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
                    index += 2
                default: throw SyntaxError(reason: "JSON has no such escape", offset: index)
                }
            case nil: throw SyntaxError(reason: "the text ends inside a string", offset: index)
            case .some(..<0x20): throw SyntaxError(reason: "a control character is not escaped", offset: index)
            default: index += 1
            }
        }
    }

    private mutating func number(_ index: inout Int) throws(SyntaxError) {
        let start = index
        if peek(index) == UInt8(ascii: "-") { index += 1 }
        if peek(index) == UInt8(ascii: "0") {
            index += 1
        } else {
            try digits(&index)
        }
        if peek(index) == UInt8(ascii: ".") {
            index += 1
            try digits(&index)
        }
        if let e = peek(index), e | 0x20 == UInt8(ascii: "e") {
            index += 1
            if let sign = peek(index), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
            let exponent = index
            try digits(&index)
            if bytes[exponent..<index].drop(while: { $0 == UInt8(ascii: "0") }).count > JSONNumber.maximumExponentDigits
            {
                throw SyntaxError(
                    reason: "an exponent has more than \(JSONNumber.maximumExponentDigits) digits", offset: exponent)
            }
        }
        append(.number, from: start, to: index)
    }

    private func digits(_ index: inout Int) throws(SyntaxError) {
        let start = index
        while let byte = peek(index), byte >= 0x30, byte <= 0x39 { index += 1 }
        if index == start { throw SyntaxError(reason: "a digit is missing", offset: index) }
    }
}

// MARK: - What it holds

extension JSONDocument {
    /// The size of the text, in bytes.
    package var byteCount: Int { bytes.count }

    /// How many numbers are written with a fraction or an exponent.
    package var fractions: Int {
        nodes.count { $0.kind == .number && !JSONNumber.isInteger(bytes[$0.start..<$0.end]) }
    }

    /// Every number survives MySQL's storage unchanged.
    package var isExactOnMySQL: Bool {
        nodes.allSatisfy { $0.kind != .number || JSONNumber.isExactOnMySQL(bytes[$0.start..<$0.end]) }
    }

    /// The document is an array of strings that Swift can hold: those.
    package func strings() -> [String]? {
        guard nodes[0].kind == .array else { return nil }
        var strings: [String] = []
        for node in nodes.dropFirst() {
            guard node.kind == .string, let string = String(validating: unescaped(node), as: UTF8.self) else {
                return nil
            }
            strings.append(string)
        }
        return strings
    }

    /// The document is one string that Swift can hold: that.
    package func string() -> String? {
        nodes[0].kind == .string ? String(validating: unescaped(nodes[0]), as: UTF8.self) : nil
    }

    /// The document is an object: the text of each member, the last of a name.
    package func members() -> [String: String]? {
        guard nodes[0].kind == .object else { return nil }
        var result: [String: String] = [:]
        for member in members(of: 0) {
            let value = nodes[member.value]
            result[String(decoding: member.name, as: UTF8.self)] =
                String(decoding: bytes[value.start..<value.end], as: UTF8.self)
        }
        return result
    }

    private func unescaped(_ node: Node) -> [UInt8] {
        JSONString.unescape(bytes[(node.start + 1)..<(node.end - 1)])
    }

    private struct Member {
        var name: [UInt8]
        var value: Int
    }

    /// The members sorted by name, the last of each name alone.
    private func members(of object: Int) -> [Member] {
        var members: [Member] = []
        var index = object + 1
        while index < nodes[object].next {
            members.append(Member(name: unescaped(nodes[index]), value: index + 1))
            index = nodes[index + 1].next
        }
        members.sort { left, right in
            left.name == right.name ? left.value < right.value : left.name.lexicographicallyPrecedes(right.name)
        }
        return members.indices.compactMap { index in
            index + 1 < members.count && members[index + 1].name == members[index].name ? nil : members[index]
        }
    }

    /// JSON equality: members in any order, numbers by exact value, strings by Unicode scalars.
    static func areEqual(_ left: JSONDocument, _ right: JSONDocument) -> Bool {
        var pending = [(0, 0)]
        while let (l, r) = pending.popLast() {
            let leftNode = left.nodes[l]
            let rightNode = right.nodes[r]
            guard leftNode.kind == rightNode.kind else { return false }
            let leftBytes = left.bytes[leftNode.start..<leftNode.end]
            let rightBytes = right.bytes[rightNode.start..<rightNode.end]
            // The text of scalars alone: that of containers would be gone through again at every level.
            switch leftNode.kind {
            case .literal:
                if leftBytes != rightBytes { return false }
            case .number:
                if leftBytes != rightBytes, JSONNumber(leftBytes) != JSONNumber(rightBytes) { return false }
            case .string:
                if leftBytes != rightBytes, left.unescaped(leftNode) != right.unescaped(rightNode) { return false }
            case .array:
                var (i, j) = (l + 1, r + 1)
                while i < leftNode.next, j < rightNode.next {
                    pending.append((i, j))
                    (i, j) = (left.nodes[i].next, right.nodes[j].next)
                }
                guard i == leftNode.next, j == rightNode.next else { return false }
            case .object:
                let (leftMembers, rightMembers) = (left.members(of: l), right.members(of: r))
                guard leftMembers.count == rightMembers.count else { return false }
                for (leftMember, rightMember) in zip(leftMembers, rightMembers) {
                    guard leftMember.name == rightMember.name else { return false }
                    pending.append((leftMember.value, rightMember.value))
                }
            }
        }
        return true
    }
}
