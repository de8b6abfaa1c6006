/// A JSON text laid out as a flat list of its parts.
package struct JSONDocument {
    struct Node {
        var kind: JSONParser.Kind
        /// The part's bytes; a string's with its quotes.
        var start: Int
        var end: Int
        /// The index of the node that follows this one and all within it.
        var next: Int
    }

    let bytes: [UInt8]
    let nodes: [Node]

    /// Checks and lays out a text.
    package init(_ text: String) throws(JSONSyntaxError) {
        bytes = Array(text.utf8)
        nodes = try JSONParser.parse(text, keepsNodes: true).nodes
    }
}

// MARK: - What it holds

extension JSONDocument {
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

    /// The document is an array: the text of each element.
    package func elements() -> [String]? {
        guard nodes[0].kind == .array else { return nil }
        return elements(of: 0).map { String(decoding: bytes[nodes[$0].start..<nodes[$0].end], as: UTF8.self) }
    }

    func unescaped(_ node: Node) -> [UInt8] {
        JSONString.unescape(bytes[(node.start + 1)..<(node.end - 1)])
    }

    struct Member {
        var name: [UInt8]
        var value: Int
    }

    /// The members sorted by name, the last of each name alone.
    func members(of object: Int) -> [Member] {
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

    /// Hashes what ``areEqual(_:_:)`` compares: equal documents are walked in the same order.
    func hash(into hasher: inout Hasher) {
        var pending = [0]
        while let index = pending.popLast() {
            let node = nodes[index]
            hasher.combine(node.kind)
            switch node.kind {
            case .literal: hasher.combine(bytes[node.start..<node.end])
            case .number: hasher.combine(JSONNumber(bytes[node.start..<node.end]))
            case .string: hasher.combine(unescaped(node))
            case .array:
                let elements = elements(of: index)
                hasher.combine(elements.count)
                pending.append(contentsOf: elements)
            case .object:
                let members = members(of: index)
                hasher.combine(members.count)
                for member in members { hasher.combine(member.name) }
                pending.append(contentsOf: members.map(\.value))
            }
        }
    }

    /// The elements of an array.
    func elements(of array: Int) -> [Int] {
        var elements: [Int] = []
        var index = array + 1
        while index < nodes[array].next {
            elements.append(index)
            index = nodes[index].next
        }
        return elements
    }
}
