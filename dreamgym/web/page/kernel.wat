;; The arithmetic of the page: float32, SIMD, one thread. Pointers are in bytes.
;; kernel.wasm is this file, assembled by wasmtime.wat2wasm of the Python package wasmtime.
;;
;; multiply: c = a b. a is m x k by rows, b is k x n in panels of 8 columns (a panel is k x 8 by rows), c is m x n by
;; rows. n is a multiple of 8.
;;
;; overlay: adds the patches of a transposed convolution with stride 2 to its output. "from" holds rows x rows patches of
;; kernel x kernel x filters numbers, "columns" numbers apart; "to" is size x size x filters.
(module
  (memory (export "memory") 1)
  (func (export "multiply") (param $a i32) (param $b i32) (param $c i32) (param $m i32) (param $k i32) (param $n i32)
    (local $panel i32) (local $row i32) (local $p i32) (local $q i32) (local $end i32)
    (local $a_row i32) (local $c_row i32) (local $width i32)
    (local $a1 i32) (local $a2 i32) (local $a3 i32)
    (local $left v128) (local $right v128) (local $x v128)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local.set $width (i32.shl (local.get $k) (i32.const 2)))
    (local.set $panel (i32.const 0))
    (block $done
    (loop $panels
      (br_if $done (i32.ge_u (local.get $panel) (local.get $n)))
      (local.set $a_row (local.get $a))
      (local.set $c_row (i32.add (local.get $c) (i32.shl (local.get $panel) (i32.const 2))))
      (local.set $row (i32.const 0))
      ;; four rows at a time
      (block $last_rows
      (loop $rows
        (br_if $last_rows (i32.gt_u (i32.add (local.get $row) (i32.const 4)) (local.get $m)))
        (local.set $p (local.get $a_row))
        (local.set $end (i32.add (local.get $a_row) (local.get $width)))
        (local.set $q (local.get $b))
        (local.set $c00 (v128.const f32x4 0 0 0 0)) (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0)) (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c20 (v128.const f32x4 0 0 0 0)) (local.set $c21 (v128.const f32x4 0 0 0 0))
        (local.set $c30 (v128.const f32x4 0 0 0 0)) (local.set $c31 (v128.const f32x4 0 0 0 0))
        (local.set $a1 (i32.add (local.get $p) (local.get $width)))
        (local.set $a2 (i32.add (local.get $a1) (local.get $width)))
        (local.set $a3 (i32.add (local.get $a2) (local.get $width)))
        (loop $terms
          (local.set $left (v128.load (local.get $q)))
          (local.set $right (v128.load offset=16 (local.get $q)))
          (local.set $x (v128.load32_splat (local.get $p)))
          (local.set $c00 (f32x4.add (local.get $c00) (f32x4.mul (local.get $x) (local.get $left))))
          (local.set $c01 (f32x4.add (local.get $c01) (f32x4.mul (local.get $x) (local.get $right))))
          (local.set $x (v128.load32_splat (local.get $a1)))
          (local.set $c10 (f32x4.add (local.get $c10) (f32x4.mul (local.get $x) (local.get $left))))
          (local.set $c11 (f32x4.add (local.get $c11) (f32x4.mul (local.get $x) (local.get $right))))
          (local.set $x (v128.load32_splat (local.get $a2)))
          (local.set $c20 (f32x4.add (local.get $c20) (f32x4.mul (local.get $x) (local.get $left))))
          (local.set $c21 (f32x4.add (local.get $c21) (f32x4.mul (local.get $x) (local.get $right))))
          (local.set $x (v128.load32_splat (local.get $a3)))
          (local.set $c30 (f32x4.add (local.get $c30) (f32x4.mul (local.get $x) (local.get $left))))
          (local.set $c31 (f32x4.add (local.get $c31) (f32x4.mul (local.get $x) (local.get $right))))
          (local.set $q (i32.add (local.get $q) (i32.const 32)))
          (local.set $a1 (i32.add (local.get $a1) (i32.const 4)))
          (local.set $a2 (i32.add (local.get $a2) (i32.const 4)))
          (local.set $a3 (i32.add (local.get $a3) (i32.const 4)))
          (br_if $terms (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 4))) (local.get $end))))
        (local.set $p (local.get $c_row))
        (v128.store (local.get $p) (local.get $c00)) (v128.store offset=16 (local.get $p) (local.get $c01))
        (local.set $p (i32.add (local.get $p) (i32.shl (local.get $n) (i32.const 2))))
        (v128.store (local.get $p) (local.get $c10)) (v128.store offset=16 (local.get $p) (local.get $c11))
        (local.set $p (i32.add (local.get $p) (i32.shl (local.get $n) (i32.const 2))))
        (v128.store (local.get $p) (local.get $c20)) (v128.store offset=16 (local.get $p) (local.get $c21))
        (local.set $p (i32.add (local.get $p) (i32.shl (local.get $n) (i32.const 2))))
        (v128.store (local.get $p) (local.get $c30)) (v128.store offset=16 (local.get $p) (local.get $c31))
        (local.set $c_row (i32.add (local.get $p) (i32.shl (local.get $n) (i32.const 2))))
        (local.set $a_row (i32.add (local.get $a_row) (i32.shl (local.get $width) (i32.const 2))))
        (local.set $row (i32.add (local.get $row) (i32.const 4)))
        (br $rows)))
      ;; the rows that are left, one at a time
      (block $no_rows
      (loop $single
        (br_if $no_rows (i32.ge_u (local.get $row) (local.get $m)))
        (local.set $p (local.get $a_row))
        (local.set $end (i32.add (local.get $a_row) (local.get $width)))
        (local.set $q (local.get $b))
        (local.set $c00 (v128.const f32x4 0 0 0 0)) (local.set $c01 (v128.const f32x4 0 0 0 0))
        (loop $terms
          (local.set $x (v128.load32_splat (local.get $p)))
          (local.set $c00 (f32x4.add (local.get $c00) (f32x4.mul (local.get $x) (v128.load (local.get $q)))))
          (local.set $c01 (f32x4.add (local.get $c01) (f32x4.mul (local.get $x) (v128.load offset=16 (local.get $q)))))
          (local.set $q (i32.add (local.get $q) (i32.const 32)))
          (br_if $terms (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 4))) (local.get $end))))
        (v128.store (local.get $c_row) (local.get $c00)) (v128.store offset=16 (local.get $c_row) (local.get $c01))
        (local.set $c_row (i32.add (local.get $c_row) (i32.shl (local.get $n) (i32.const 2))))
        (local.set $a_row (local.get $end))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $single)))
      (local.set $b (i32.add (local.get $b) (i32.shl (local.get $k) (i32.const 5))))
      (local.set $panel (i32.add (local.get $panel) (i32.const 8)))
      (br $panels))))
  (func (export "overlay") (param $from i32) (param $to i32) (param $rows i32) (param $size i32) (param $kernel i32)
    (param $filters i32) (param $columns i32)
    (local $y i32) (local $x i32) (local $i i32) (local $p i32) (local $q i32) (local $end i32)
    (local $pixel i32) (local $run i32) (local $width i32) (local $place i32) (local $line i32)
    (local.set $pixel (i32.shl (local.get $filters) (i32.const 2)))
    (local.set $run (i32.mul (local.get $kernel) (local.get $pixel)))  ;; a patch's row lies in one piece, there and here
    (local.set $width (i32.mul (local.get $size) (local.get $pixel)))
    (loop $ys
      (local.set $place (i32.add (local.get $to) (i32.mul (i32.shl (local.get $y) (i32.const 1)) (local.get $width))))
      (local.set $x (i32.const 0))
      (loop $xs
        (local.set $p (local.get $from))
        (local.set $line (local.get $place))
        (local.set $i (i32.const 0))
        (loop $lines
          (local.set $q (local.get $line))
          (local.set $end (i32.add (local.get $p) (local.get $run)))
          (block $rest
          (loop $fours
            (br_if $rest (i32.gt_u (i32.add (local.get $p) (i32.const 16)) (local.get $end)))
            (v128.store (local.get $q) (f32x4.add (v128.load (local.get $q)) (v128.load (local.get $p))))
            (local.set $p (i32.add (local.get $p) (i32.const 16)))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (br $fours)))
          (block $done
          (loop $ones
            (br_if $done (i32.ge_u (local.get $p) (local.get $end)))
            (f32.store (local.get $q) (f32.add (f32.load (local.get $q)) (f32.load (local.get $p))))
            (local.set $p (i32.add (local.get $p) (i32.const 4)))
            (local.set $q (i32.add (local.get $q) (i32.const 4)))
            (br $ones)))
          (local.set $line (i32.add (local.get $line) (local.get $width)))
          (br_if $lines (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $kernel))))
        (local.set $from (i32.add (local.get $from) (i32.shl (local.get $columns) (i32.const 2))))
        (local.set $place (i32.add (local.get $place) (i32.shl (local.get $pixel) (i32.const 1))))
        (br_if $xs (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $rows))))
      (br_if $ys (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (local.get $rows))))))
