/// Properties of a JSON text that a store needs.
package struct JSONSummary: Sendable {
    /// The size of the text, in bytes.
    package var byteCount = 0
    /// How deep arrays and objects are nested: 0 for a scalar, 1 for `[]`.
    package var depth = 0
    /// How many commas and colons separate parts: MySQL writes a space after each.
    package var separators = 0
    /// How many numbers are written with a fraction or an exponent.
    package var fractions = 0
    /// Every number survives MySQL's storage unchanged.
    package var isExactOnMySQL = true

    /// Checks a text, and looks at it once.
    ///
    /// - Throws: ``JSONSyntaxError`` if it isn't JSON.
    package init(_ text: String) throws(JSONSyntaxError) {
        self = try JSONParser.parse(text, keepsNodes: false).summary
    }

    init() {}
}

/// Goes through a JSON text (RFC 8259) once, checking it, without recursion: nesting of any depth costs memory, never
/// stack.
package struct JSONParser {
    enum Kind: UInt8 { case object, array, string, number, literal }

    /// An array or object that isn't closed yet.
    private struct Container {
        let isObject: Bool
        let node: Int
    }

    private var summary = JSONSummary()
    private var nodes: [JSONDocument.Node] = []

    private let bytes: UnsafeBufferPointer<UInt8>
    private let keepsNodes: Bool
    private var index = 0

    /// The properties of a text, and its parts if requested.
    static func parse(
        _ text: String, keepsNodes: Bool
    ) throws(JSONSyntaxError) -> (summary: JSONSummary, nodes: [JSONDocument.Node]) {
        var text = text
        return try text.withUTF8 { bytes in
            Result { () throws(JSONSyntaxError) in
                var parser = JSONParser(bytes: bytes, keepsNodes: keepsNodes)
                try parser.parse()
                return (parser.summary, parser.nodes)
            }
        }.get()
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, keepsNodes: Bool) {
        self.bytes = bytes
        self.keepsNodes = keepsNodes
        summary.byteCount = bytes.count
        if keepsNodes { nodes.reserveCapacity(bytes.count / 8 + 1) }
    }

    private mutating func parse() throws(JSONSyntaxError) {
        var open: [Container] = []
        /// The innermost container was opened just now.
        var isFresh = false
        parts: while true {
            skipSpace()
            // A value, or the end of an empty container.
            if isFresh, let parent = open.last, peek() == closing(parent) {
                close(&open)
            } else {
                if let parent = open.last, parent.isObject { try member() }
                isFresh = try value()
                if isFresh {
                    open.append(Container(isObject: bytes[index - 1] == UInt8(ascii: "{"), node: nodes.count - 1))
                    summary.depth = max(summary.depth, open.count)
                    continue parts
                }
            }
            isFresh = false
            // What follows a complete value.
            while true {
                skipSpace()
                guard let parent = open.last else {
                    guard index == bytes.count else {
                        throw JSONSyntaxError(reason: "text after the value", offset: index)
                    }
                    return
                }
                if peek() == UInt8(ascii: ",") {
                    index += 1
                    summary.separators += 1
                    continue parts
                }
                guard peek() == closing(parent) else {
                    let reason =
                        index == bytes.count
                        ? "the text ends inside an array or object" : "a comma or closing bracket is missing"
                    throw JSONSyntaxError(reason: reason, offset: index)
                }
                close(&open)
            }
        }
    }

    private func peek(_ distance: Int = 0) -> UInt8? {
        index + distance < bytes.count ? bytes[index + distance] : nil
    }

    private func closing(_ parent: Container) -> UInt8 {
        parent.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    }

    private mutating func close(_ open: inout [Container]) {
        let parent = open.removeLast()
        index += 1
        guard keepsNodes else { return }
        nodes[parent.node].end = index
        nodes[parent.node].next = nodes.count
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    /// A member's name and colon.
    private mutating func member() throws(JSONSyntaxError) {
        guard peek() == UInt8(ascii: "\"") else {
            throw JSONSyntaxError(reason: "an object's member name is missing", offset: index)
        }
        try string()
        skipSpace()
        guard peek() == UInt8(ascii: ":") else {
            throw JSONSyntaxError(reason: "a colon is missing", offset: index)
        }
        index += 1
        summary.separators += 1
        skipSpace()
    }

    /// Reads a value; true if it is an array or object that was only opened.
    private mutating func value() throws(JSONSyntaxError) -> Bool {
        switch peek() {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            append(bytes[index] == UInt8(ascii: "{") ? .object : .array, from: index)
            index += 1
            return true
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): try number()
        case nil: throw JSONSyntaxError(reason: "a value is missing", offset: index)
        default:
            throw JSONSyntaxError(reason: "this is not a JSON value; a string needs quotation marks", offset: index)
        }
        return false
    }

    /// Notes a part that ends here.
    private mutating func append(_ kind: Kind, from start: Int) {
        guard keepsNodes else { return }
        nodes.append(JSONDocument.Node(kind: kind, start: start, end: index, next: nodes.count + 1))
    }

    private mutating func literal(_ word: StaticString) throws(JSONSyntaxError) {
        let start = index
        let end = index + word.utf8CodeUnitCount
        guard end <= bytes.count,
            word.withUTF8Buffer({ $0.elementsEqual(bytes[start..<end]) })
        else {
            throw JSONSyntaxError(reason: "this is not a JSON value; a string needs quotation marks", offset: index)
        }
        index = end
        append(.literal, from: start)
    }

    private mutating func string() throws(JSONSyntaxError) {
        let start = index
        index += 1
        while true {
            // Most bytes are plain.
            while index < bytes.count, bytes[index] >= 0x20, bytes[index] != UInt8(ascii: "\""),
                bytes[index] != UInt8(ascii: "\\")
            { index += 1 }
            switch peek() {
            case UInt8(ascii: "\""):
                index += 1
                append(.string, from: start)
                return
            case UInt8(ascii: "\\"):
                switch peek(1) {
                case UInt8(ascii: "u"):
                    let digits = bytes[min(index + 2, bytes.count)...].prefix(4)
                    guard digits.count == 4, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else {
                        throw JSONSyntaxError(reason: "\\u needs four hexadecimal digits", offset: index)
                    }
                    index += 6
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
                    UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
                    index += 2
                default: throw JSONSyntaxError(reason: "JSON has no such escape", offset: index)
                }
            case nil: throw JSONSyntaxError(reason: "the text ends inside a string", offset: index)
            default: throw JSONSyntaxError(reason: "a control character is not escaped", offset: index)
            }
        }
    }

    private mutating func number() throws(JSONSyntaxError) {
        let start = index
        if peek() == UInt8(ascii: "-") { index += 1 }
        if peek() == UInt8(ascii: "0") {
            index += 1
        } else {
            try digits()
        }
        let integerEnd = index
        if peek() == UInt8(ascii: ".") {
            index += 1
            try digits()
        }
        if let e = peek(), e | 0x20 == UInt8(ascii: "e") {
            index += 1
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
            let exponent = index
            try digits()
            if bytes[exponent..<index].drop(while: { $0 == UInt8(ascii: "0") }).count > JSONNumber.maximumExponentDigits
            {
                throw JSONSyntaxError(
                    reason: "an exponent has more than \(JSONNumber.maximumExponentDigits) digits", offset: exponent)
            }
        }
        let isInteger = index == integerEnd
        if !isInteger { summary.fractions += 1 }
        // An integer of up to 18 digits is one of 64 bits.
        if !isInteger || index - start > 18 {
            summary.isExactOnMySQL =
                summary.isExactOnMySQL
                && JSONNumber.isExactOnMySQL(Array(bytes[start..<index])[...], isInteger: isInteger)
        }
        append(.number, from: start)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = index
        while let byte = peek(), byte >= 0x30, byte <= 0x39 { index += 1 }
        if index == start { throw JSONSyntaxError(reason: "a digit is missing", offset: index) }
    }
}
